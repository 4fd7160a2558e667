"""Other engines at the same work. These modules run in the interpreters of the peers and are never imported by ours."""
