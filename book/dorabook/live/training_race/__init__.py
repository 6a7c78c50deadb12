from .training_race import TrainingRace

__all__ = ["TrainingRace"]
