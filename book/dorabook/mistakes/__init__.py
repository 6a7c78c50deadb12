"""What goes wrong in the exercises, a module a chapter: for each function that a reader writes, under its name, the reply that a
wrong answer gets and a function that is wrong in that way. They stand here and not beside the task, where they would give it away.
"""
