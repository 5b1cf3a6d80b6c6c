"""Scripts written for mrjob, run unchanged: each step is a stage whose programs are the script itself.

The script stays in charge of what only it knows: its functions, protocols and options. It is asked once what its steps
are (`probe.py`, `script.py`); the answer becomes a job of programs by the contract of Hadoop Streaming (`steps.py`).
"""
