"""The verbs: one file each, values and parts in, a result out, nothing printed."""
