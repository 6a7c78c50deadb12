"""Print a name, a shape and the values: the line under every step of a chapter."""

from torch import Tensor


def show(name: str, tensor: Tensor, *, digits: int = 2) -> None:
    """Print `name (2, 1)` and, up to 8 x 8, the values rounded to `digits`, a row a line."""
    print(name, tuple(tensor.shape))
    if tensor.ndim > 2 or max(tensor.shape, default=1) > 8:
        return
    table = tensor.detach().double().reshape(-1, tensor.shape[-1] if tensor.ndim else 1)
    cells = [[f"{value + 0.0:.{digits}f}" for value in row] for row in table.round(decimals=digits).tolist()]
    width = max(len(cell) for row in cells for cell in row)
    for row in cells:
        print("  " + "  ".join(cell.rjust(width) for cell in row))
