"""Words to people: webhook, e-mail, and a sign of life to a watcher outside."""
