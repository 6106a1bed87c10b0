"""The model of the sample feedback loop: a detector that is small enough to be trained on a dozen receipts."""
