"""The browser's side: in Node against the real middleware, and its types."""
