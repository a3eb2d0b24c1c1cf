"""Real programs under each source: PortEye's database against ss and ps, step by step."""
