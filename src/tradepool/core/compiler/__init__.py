"""The compiler: what a step may say, and who runs it: plain Python, LLVM for one column or many, a GPU."""
