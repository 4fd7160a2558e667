"""Valkey: what several processes of one machine share and can do without."""
