// Placeholder: the module's first type replaces this file.
