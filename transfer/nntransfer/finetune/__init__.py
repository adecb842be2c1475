"""Fine-tuning: a pretrained model goes on with another task."""
