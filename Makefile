# Thin aliases for `python3 dev.py TASK`; make's words go on in ARGS: make test ARGS="-k echo"
PYTHON ?= python3

.PHONY: up test lint bench soak docs lock clean
up test lint bench soak docs lock clean:
	@$(PYTHON) dev.py $@ $(ARGS)
