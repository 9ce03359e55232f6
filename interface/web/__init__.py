"""The pages for browsers, as files. `web/` has their source, and `make web` builds them."""
