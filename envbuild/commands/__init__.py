"""The verbs: values and parts in, a result out, nothing printed."""
