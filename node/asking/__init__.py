"""What auditors ask, question by question: one module per subject, plain functions over rows."""
