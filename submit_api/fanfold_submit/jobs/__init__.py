"""Jobs: how they are requested and admitted, what is stored of them, which places they use, what they leave behind."""
