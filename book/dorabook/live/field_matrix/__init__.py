from .field_matrix import FieldMatrix

__all__ = ["FieldMatrix"]
