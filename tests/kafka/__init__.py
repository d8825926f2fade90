"""Kafka as ImmersiVerse has it rendered, on a real broker."""
