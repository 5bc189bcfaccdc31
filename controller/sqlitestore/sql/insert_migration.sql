INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)
