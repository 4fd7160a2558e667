"""The trade pool as one Parquet file, which knows no users."""
