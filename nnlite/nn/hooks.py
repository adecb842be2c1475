"""Hooks: functions that a module calls after its forward pass."""


class HookHandle:
    """One registered hook of one module."""

    def __init__(self, module, hook):
        self.module, self.hook = module, hook

    def remove(self):
        """Take the hook away. A second call does nothing."""
        hooks = [handle for handle in vars(self.module).pop("forward_hooks", []) if handle is not self]
        if hooks:
            vars(self.module)["forward_hooks"] = hooks
