"""The paper's conclusions as experiments: what each claims, how it is shown, and what came out. experiment.py says how they are made."""
