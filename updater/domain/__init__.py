"""What the updater knows about enrolment, inquiries and answers; pure, and without numbers."""
