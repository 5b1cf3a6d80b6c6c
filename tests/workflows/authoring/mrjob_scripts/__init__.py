"""Scripts written for mrjob, as their users write them."""
