"""The updater's own database: enrolments, inquiries, feed files, answers without numbers."""
