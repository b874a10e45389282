"""Identity: keys, principals, roles, and the operations that each role may do."""
