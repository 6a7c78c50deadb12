"""Wrong answers to the exercises of chapter 1."""

last_row = {
    "At an exact tie the split road is no longer cheaper: look at (4, 4).": lambda i, o: i * o // (i + o),
    "That is the largest rank an update can have. The question is about rows.": min,
}

serve = {
    "Every row got all the adapters, added up.": lambda x, w, a, b, who: x @ (w + (b @ a).sum(dim=0)).T,
    "Every row got the first adapter.": lambda x, w, a, b, who: x @ (w + b[0] @ a[0]).T,
}

serve_never = {
    "But an (out, in) update was built on the way.": lambda x, w, a, b, who: [*(b @ a), b @ a, b[who] @ a[who]],
}

repaired = {
    "You turned the weight over. torch wants (out, in) back.": lambda w, a, b, s: w.T + s * (a @ b),
    "Still as found: AB is (in, out), and only a square weight takes it as it is.": lambda w, a, b, s: w + s * (a @ b),
    "You left the scaling out.": lambda w, a, b, s: w + (a @ b).T,
}
