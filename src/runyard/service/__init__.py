"""Floor 3, the verbs: launch, cancel, resume, look after. Pages, API and command line all call these."""
