"""What is wrong with a stack on this machine, now, and the line that mends it: results only, nothing is printed."""

from stack.doctor.examination import TIMEOUT_S, examine
from stack.doctor.findings import Check, Findings

__all__ = ["TIMEOUT_S", "Check", "Findings", "examine"]
