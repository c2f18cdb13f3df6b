"""How kernels compile: numba's compiler without what it does again and again.

Numba asks some ten templates at each operation what type it has, writes all its flags into dictionaries to compare them
a hundred thousand times, looks in every function for closures and literal types, and makes machine code for functions
that only others contain. It keeps each variable in memory, with its references counted, where a value would do.
It passes each word of each array of a record from function to function, half of all the code that it writes.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite.ir import FunctionType, IRBuilder
from llvmlite.ir.instructions import ExtractValue
from numba import types
from numba._dynfunc import make_function
from numba.core import ir, typed_passes, untyped_passes
from numba.core.analysis import compute_cfg_from_blocks, compute_use_defs
from numba.core.cgutils import (
    alloca_once,
    bool_t,
    false_bit,
    gep_inbounds,
    get_item_pointer2,
    get_or_insert_function,
    unpack_tuple,
    voidptr_t,
)
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.datamodel import models, register_default
from numba.core.lowering import Lower
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import IRLegalization, NativeLowering, NopythonRewrites
from numba.extending import NativeValue, unbox
from numba.np.arrayobj import fix_integer_index, load_item, store_item

_DEFAULT_FLAGS = {name: option.default for name, option in Flags.options.items()}
_HASH = hash(Flags())  # that of all flags: numba hashes their names

NEEDLESS = {  # passes that look for what no kernel holds: blocks of `with`, closures, calls that ask for literal types
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.RewriteDynamicRaises,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll,
    untyped_passes.LiteralPropagationSubPipelinePass,
    typed_passes.InlineOverloads,
    typed_passes.NoPythonSupportedFeatureValidation,
    typed_passes.DumpParforDiagnostics,
}
FOR_REFERENCES = {IRLegalization, NopythonRewrites}  # they end the lives of variables, and join steps of whole arrays

BY_ADDRESS = types.BaseTuple | types.Array

DOOR = "_ZN7cpython"  # how the names of functions begin that take and return objects of Python

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
        The context that it stands for, and equals where numba looks for what it has made.
    """

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def __hash__(self) -> int:
        return hash(self._context)

    def __eq__(self, other: object) -> bool:
        return self._context is (other._context if isinstance(other, _Types) else other)

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
        resolve = partial(self._context.resolve_function_type, function, arguments, named)
        own = function if isinstance(function, types.Type) else self._context._lookup_global(function)
        if type(own) is types.Function:
            return _remembered(own, arguments, named, resolve)
        return resolve()


class _TypesOfOperations(_Types):
    """The same for the last pass, which asks the functions themselves."""

    def resolve_value_type(self, value: Any) -> Any:
        """Return the type of a value of Python; a function of numba's own gets a memory."""
        found = self._context.resolve_value_type(value)
        return _Operation(found) if type(found) is types.Function else found


class _Operation(types.Function):
    """A function of numba's own that remembers what its calls return."""

    def __init__(self, function: Any) -> None:
        super().__init__(function.templates)
        self._function = function

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return _remembered(self._function, args, kws, partial(self._function.get_call_type, context, args, kws))

    def get_impl_key(self, sig: Any) -> Any:
        return self._function.get_impl_key(sig)


register_default(_Operation)(models.OpaqueModel)  # in expressions of whole arrays it is a value, as numba's own is


def _remembered(own: Any, arguments: Any, named: Any, resolve: Callable[[], Any]) -> Any:
    """Return the signature of a call of numba's own function, and make its code that which belongs to it."""
    flags = ConfigStack.top_or_none()
    inherited = flags.nrt, flags.error_model, frozenset(flags.fastmath.flags)  # by what numba compiles for the call
    call = own, tuple(arguments), tuple(named.items()), inherited
    if call in _resolved:
        signature, code = _resolved[call]
        own._impl_keys[signature.args] = code
        return signature
    signature = resolve()
    if signature is not None:
        _resolved[call] = signature, own.get_impl_key(signature)
    return signature


class ByAddress(types.Type):
    """An argument of a kernel that is passed as one address; numba would pass each word of it.

    It equals what it stands for where numba looks for the code of a call.

    Parameters
    ----------
    of : numba.types.Type
        What the argument is inside.
    """

    def __init__(self, of: Any) -> None:
        self.of = of
        super().__init__(f"ByAddress({of})")

    def __eq__(self, other: object) -> bool:
        return self.of == (other.of if isinstance(other, ByAddress) else other)

    def __hash__(self) -> int:
        return hash((ByAddress, self.of))


@register_default(ByAddress)
class _AddressModel(models.DataModel):
    """What is passed by address: a value outside and inside, one word between."""

    def __init__(self, manager: Any, kind: ByAddress) -> None:
        super().__init__(manager, kind)
        self._inside = manager.lookup(kind.of)

    def get_value_type(self) -> Any:
        return self._inside.get_value_type()

    def get_argument_type(self) -> Any:
        return self.get_value_type().as_pointer()

    def as_argument(self, builder: Any, value: Any) -> Any:
        """Return the address of a value: where it came from, else of a copy."""
        address = _origin(builder, value)
        if address is None:
            address = alloca_once(builder, value.type)
            builder.store(value, address)
        return address

    def from_argument(self, builder: Any, value: Any) -> Any:
        """Return what is at an address, to which nobody writes."""
        value.add_attribute("noalias")
        return _loaded(builder, value)


def _loaded(builder: Any, address: Any) -> Any:
    """Return what is at an address for good."""
    value = builder.load(address)
    value.origin = address
    return value


def _origin(builder: Any, value: Any) -> Any:
    """Return the address of a value that was loaded for good, or is a part of such a one; None for any other."""
    if isinstance(value, ExtractValue):
        whole = _origin(builder, value.operands[0])
        return None if whole is None else gep_inbounds(builder, whole, 0, *value.indices)
    return getattr(value, "origin", None)


@unbox(ByAddress)
def _unbox(kind: ByAddress, thing: Any, door: Any) -> Any:
    """Take an object of Python, whose type is known, into memory."""
    address = alloca_once(door.builder, door.context.get_value_type(kind.of))
    return NativeValue(_loaded(door.builder, address), is_error=_take(kind.of, thing, address, door))


def _take(kind: Any, thing: Any, address: Any, door: Any) -> Any:
    """Write an object of Python to an address; return whether that failed."""
    builder = door.builder
    if isinstance(kind, types.BaseTuple):
        failed, parts = false_bit, kind.types  # type: ignore[attr-defined]
        for number, part in enumerate(parts):
            item = door.pyapi.tuple_getitem(thing, number)
            failed = builder.or_(failed, _take(part, item, gep_inbounds(builder, address, 0, number), door))
        return failed
    if isinstance(kind, types.Array):
        return builder.call(_taker(kind, door), (thing, address))
    native = door.unbox(kind, thing)
    builder.store(native.value, address)
    return native.is_error


def _taker(kind: Any, door: Any) -> Any:
    """Return the function of a module that takes arrays of a type; numba repeats it for each array."""
    module, place = door.builder.module, door.context.get_value_type(kind).as_pointer()
    function = get_or_insert_function(module, FunctionType(bool_t, (voidptr_t, place)), f"{DOOR}.{kind}")
    if function.is_declaration:
        function.linkage = "internal"
        builder = IRBuilder(function.append_basic_block())
        native = door.context.get_python_api(builder).to_native_value(kind, function.args[0])
        builder.store(native.value, function.args[1])
        builder.ret(native.is_error)
    return function


class _KernelLibrary(JITCodeLibrary):
    """Code of a kernel; its door for Python, nearly half of it, takes a third of a microsecond more, not optimized."""

    def add_ir_module(self, ir_module: Any) -> None:
        """Add a module of numba's, whose doors are marked."""
        for function in ir_module.functions:
            if function.name.startswith(DOOR) and not function.is_declaration:
                function.attributes.add("noinline")  # which the other needs
                function.attributes.add("optnone")
        super().add_ir_module(ir_module)

    def _optimize_functions(self, ll_module: Any) -> None:
        if all(function.is_declaration for function in ll_module.functions if function.name.startswith(DOOR)):
            super()._optimize_functions(ll_module)


class _Values(Lower):
    """Code of a function; without references to count, a variable that is assigned once is a value, not a place."""

    def __init__(self, context: Any, library: Any, description: Any, *others: Any, **named: Any) -> None:
        if not context.enable_nrt:
            kinds = description.argtypes
            description.argtypes = tuple(ByAddress(kind) if isinstance(kind, BY_ADDRESS) else kind for kind in kinds)
        super().__init__(context, library, description, *others, **named)

    def _find_singly_assigned_variable(self) -> None:
        super()._find_singly_assigned_variable()
        if self.context.enable_nrt:
            return
        found = compute_use_defs(self.blocks)
        assigned = Counter(line.target.name for block in self.blocks.values() for line in block.find_insts(ir.Assign))
        uses: dict[str, list[int]] = {}
        for label, names in found.usemap.items():
            for name in names:
                uses.setdefault(name, []).append(label)
        dominators = compute_cfg_from_blocks(self.blocks).dominators()
        for label, names in found.defmap.items():
            for name in names:
                if assigned[name] == 1 and all(label < use and label in dominators[use] for use in uses.get(name, ())):
                    self._singly_assigned_vars.add(name)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Store a value in a variable; an earlier one is of no interest where nobody counts references to it."""
        if self.context.enable_nrt or name in self._singly_assigned_vars:
            super().storevar(value, name, argidx)
        else:
            self.builder.store(value, self.getvar(name))

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        """Calculate; numba makes six errors on the way to find that neither side is a constant."""
        if expr.static_lhs is not ir.UNDEFINED or expr.static_rhs is not ir.UNDEFINED:
            return super().lower_binop(resty, expr, op)
        operation, kinds = self.context.typing_context.resolve_value_type(op), self.fndesc.calltypes[expr].args
        signature = operation.get_call_type(self.context.typing_context, kinds, {})
        sides = [self._cast_var(side, kind) for side, kind in zip((expr.lhs, expr.rhs), kinds, strict=True)]
        result = self.context.get_function(operation, signature)(self.builder, sides)
        return self.context.cast(self.builder, result, self.fndesc.calltypes[expr].return_type, resty)

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """Read a number of an array at once, without a copy of the array's description in memory."""
        place = self._place(value, index)
        if place is None:
            return super().lower_getitem(resty, expr, value, index, signature)
        array = self.typeof(value.name)
        return self.context.cast(self.builder, load_item(self.context, self.builder, array, place), array.dtype, resty)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        """Write a number into an array in the same way."""
        place = self._place(target_var, index_var)
        if place is None:
            return super().lower_setitem(target_var, index_var, value_var, signature)
        array = self.typeof(target_var.name)
        return store_item(self.context, self.builder, array, self._cast_var(value_var, array.dtype), place)

    def _place(self, array: Any, index: Any) -> Any:
        """Return the address of one number of an array, None for what is none."""
        kind, at = self.typeof(array.name), self.typeof(index.name)
        kinds = getattr(at, "types", (at,))  # of a tuple of indices, else of one
        plain = isinstance(kind, types.Array) and isinstance(kind.dtype, types.Number | types.Boolean)
        if not plain or kind.ndim != len(kinds) or not all(isinstance(axis, types.Integer) for axis in kinds):
            return None
        builder, fields = self.builder, self.context.data_model_manager[kind].get_field_position
        value, indices = self.loadvar(array.name), self.loadvar(index.name)
        data, shape, strides = (builder.extract_value(value, fields(name)) for name in ("data", "shape", "strides"))
        sizes, steps = unpack_tuple(builder, shape, kind.ndim), unpack_tuple(builder, strides, kind.ndim)
        parts = unpack_tuple(builder, indices, kind.ndim) if isinstance(at, types.BaseTuple) else [indices]
        fixed = [fix_integer_index(self.context, builder, *part) for part in zip(kinds, parts, sizes, strict=True)]
        return get_item_pointer2(self.context, builder, data, sizes, steps, kind.layout, fixed)


@register_pass(mutates_CFG=True, analysis_only=False)
class _KernelLowering(NativeLowering):
    """The last pass over a kernel that Python calls."""

    _name = "kernel_lowering"
    lowering_class = _Values

    def run_pass(self, state: Any) -> bool:
        state.library = _KernelLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


class KernelCompiler(Compiler):
    """Numba's compiler with these flags, this memory, and that pass."""

    lowering: type[NativeLowering] = _KernelLowering

    def __init__(self, typing: Any, *arguments: Any) -> None:
        super().__init__(typing, *arguments)
        self.state.flags = _Flags(self.state.flags)
        self.state.typingctx = _Types(typing)
        self.state.targetctx.typing_context = _TypesOfOperations(typing)

    def define_pipelines(self) -> Any:
        pipelines = super().define_pipelines()
        needless = NEEDLESS if self.state.flags.nrt else NEEDLESS | FOR_REFERENCES
        for pipeline in pipelines:
            steps = [(step, text) for step, text in pipeline.passes if step not in needless]
            pipeline.passes = [(self.lowering if step is NativeLowering else step, text) for step, text in steps]
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
    lowering_class = _Values

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

    lowering = _InnerLowering
