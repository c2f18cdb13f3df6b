"""How kernels compile: numba's compiler without what it does again and again.

Numba asks some ten templates at each operation what type it has, writes all its flags into dictionaries to compare them
a hundred thousand times, and makes machine code for functions that only others contain.
"""

from __future__ import annotations

import operator
from typing import Any

from numba import types
from numba._dynfunc import make_function
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import NativeLowering, NopythonTypeInference

_DEFAULT_FLAGS = {name: option.default for name, option in Flags.options.items()}
_HASH = hash(Flags())  # that of all flags: numba hashes their names

_resolved: dict[Any, tuple[Any, Any]] = {}
_attributes: dict[Any, Any] = {}


class _Flags(Flags):
    """Numba's flags, which compare as one dictionary each."""

    def __hash__(self) -> int:
        return _HASH

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Flags):
            return NotImplemented
        return bool({**_DEFAULT_FLAGS, **self._values} == {**_DEFAULT_FLAGS, **other._values})


class _Types:
    """Numba's typing context, which remembers the types of attributes and of calls of numba's own functions.

    Parameters
    ----------
    context : numba.core.typing.Context
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        flags = ConfigStack.top_or_none()
        self._inherited = flags.nrt, flags.error_model, frozenset(flags.fastmath.flags)  # by what numba compiles

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_getattr(self, of: Any, name: str) -> Any:
        """Return the type of an attribute, None where there is none."""
        found = _attributes.get((of, name))
        if found is None:
            found = self._context.resolve_getattr(of, name)
            if found is not None:
                _attributes[of, name] = found
        return found

    def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:
        """Return the signature of an assignment to an item."""
        return self.resolve_function_type(operator.setitem, (target, index, value), {})

    def resolve_function_type(self, function: Any, arguments: Any, named: Any) -> Any:
        """Return the signature of a call; the function's last code for it becomes again what it was then."""
        own: Any = function if isinstance(function, types.Type) else self._context._lookup_global(function)
        numbas = type(own) is types.Function
        if not numbas:
            return self._context.resolve_function_type(function, arguments, named)
        call = own, tuple(arguments), tuple(named.items()), self._inherited
        if call in _resolved:
            signature, code = _resolved[call]
            own._impl_keys[signature.args] = code
            return signature
        signature = self._context.resolve_function_type(own, arguments, named)
        if signature is not None:
            _resolved[call] = signature, own.get_impl_key(signature)
        return signature


@register_pass(mutates_CFG=True, analysis_only=False)
class _TypeInference(NopythonTypeInference):
    """Numba's pass that finds the types of all variables, with that memory."""

    _name = "type_inference_with_memory"

    def run_pass(self, state: Any) -> bool:
        context = state.typingctx
        state.typingctx = _Types(context)
        try:
            return bool(super().run_pass(state))
        finally:
            state.typingctx = context


class KernelCompiler(Compiler):
    """Numba's compiler with these flags and that pass."""

    replaced: dict[type, type] = {NopythonTypeInference: _TypeInference}  # noqa: RUF012

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state.flags = _Flags(self.state.flags)

    def define_pipelines(self) -> Any:
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [(self.replaced.get(step, step), text) for step, text in pipeline.passes]
        return pipelines


class _InnerLibrary(JITCodeLibrary):
    """Code that is only linked into other code, which is optimized and becomes machine code with all that it contains.

    Numba would do both for each kernel, again for each that calls it, and again for those that call these.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(NativeLowering):
    """The last pass over a kernel that only others call; they find its code by a function that nobody can call."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        state.flags.no_compile = True
        state.library = _InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        super().run_pass(state)
        code, name = state.cr, state.func_id.func_name
        key = make_function(code.fndesc.lookup_module(), name, name, 0, code.env, (state.library,))
        state.targetctx.insert_user_function(key, code.fndesc, [state.library])
        state.cr = code._replace(cfunc=key)
        return True


class InnerKernelCompiler(KernelCompiler):
    """The compiler of kernels that only other kernels call."""

    replaced: dict[type, type] = {**KernelCompiler.replaced, NativeLowering: _InnerLowering}  # noqa: RUF012
