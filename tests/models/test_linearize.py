"""Making products of binaries linear, in any Pyomo model, against enumeration."""

import itertools

import numpy as np
import pytest
from pyomo.core import (
    Binary,
    ConcreteModel,
    Constraint,
    Expression,
    NonNegativeReals,
    Objective,
    Param,
    TransformationFactory,
    Var,
    maximize,
    minimize,
    prod,
    value,
)

import edgeopt
from edgeopt.engines.highs import HighsSolver
from edgeopt.engines.linear import compile_formulation
from edgeopt.errors import UsageError
from edgeopt.models.pulling import formulate, formulate_linear, read_plan
from edgeopt.pulling.checker import check
from edgeopt.run import Run
from tests.amounts import some_or_many
from tests.pulling.brute_force import optimum
from tests.pulling.random_instances import random_instance


def solved(model):
    """Optimum of a linear model by HiGHS; None when infeasible."""
    program = compile_formulation(model)
    result = HighsSolver(program, Run()).solve()
    if result.values is not None:
        program.load(model, result.values)
    return result.objective


def enumerated(model):
    """Optimum over all binary points of a model whose only variables are binary."""
    variables = list(model.component_data_objects(Var))
    (objective,) = model.component_data_objects(Objective, active=True)
    best = None
    for point in itertools.product((0, 1), repeat=len(variables)):
        for variable, number in zip(variables, point, strict=True):
            variable.set_value(number)
        bodies = [(c, value(c.body)) for c in model.component_data_objects(Constraint, active=True)]
        if all(
            (c.lower is None or body >= value(c.lower) - 1e-9) and (c.upper is None or body <= value(c.upper) + 1e-9)
            for c, body in bodies
        ):
            found = value(objective)
            if best is None or (found < best if objective.is_minimizing() else found > best):
                best = found
    return best


def random_model(seed):
    rng = np.random.default_rng(seed)
    m = ConcreteModel()
    m.x = Var(range(5), domain=Binary)

    def product():
        chosen = rng.choice(5, int(rng.integers(1, 5)))  # a variable may occur twice
        return prod(m.x[int(i)] if rng.random() < 0.5 else 1 - m.x[int(i)] for i in chosen)

    def combination():
        return sum(float(rng.integers(-4, 5)) * product() for _ in range(4)) + float(rng.integers(-2, 3))

    m.objective = Objective(expr=combination(), sense=maximize if seed % 2 else minimize)
    m.below = Constraint(expr=combination() <= 2)
    m.above = Constraint(expr=combination() * 2 >= -6)
    m.between = Constraint(expr=(-4, combination(), 4))
    m.squared = Constraint(expr=(m.x[0] + m.x[1]) ** 2 - combination() / 2 <= 6)
    return m


@some_or_many(20, 60)
@pytest.mark.parametrize("both_sides", [False, True])
def test_equals_enumeration_on_random_models(both_sides, numbers):
    feasible = 0
    for seed in numbers:
        model = random_model(seed)
        linear = edgeopt.linearize_products(model, both_sides=both_sides)
        expected, found = enumerated(model), solved(linear)
        assert (found is None) == (expected is None), seed
        if expected is not None:
            feasible += 1
            assert found == pytest.approx(expected, abs=1e-6), seed
    assert feasible > len(numbers) / 3


def test_both_sides_fix_every_new_variable():
    m = ConcreteModel()
    m.x = Var(range(3), domain=Binary)
    m.objective = Objective(expr=prod(1 - m.x[i] for i in range(3)))
    linear = edgeopt.linearize_products(m, both_sides=True)
    for point in itertools.product((0, 1), repeat=3):
        for index, number in enumerate(point):
            linear.x[index].fix(number)
        for sense in (minimize, maximize):
            linear.objective.sense = sense
            assert solved(linear) == pytest.approx(prod(1 - number for number in point))


def test_one_side_where_one_is_enough():
    m = ConcreteModel()
    m.x = Var(range(4), domain=Binary)
    m.objective = Objective(expr=5 * (1 - prod(1 - m.x[i] for i in range(4))))
    block = edgeopt.linearize_products(m).linearized_products
    assert (len(block.u), len(block.at_most), len(block.at_least)) == (1, 4, 0)


def test_the_given_model_is_untouched_and_names_stay():
    m = ConcreteModel()
    m.x = Var(range(2), domain=Binary)
    m.objective = Objective(expr=m.x[0] * m.x[1], sense=maximize)
    linear = edgeopt.linearize_products(m)
    assert m.component("linearized_products") is None
    assert solved(linear) == pytest.approx(1)
    assert value(linear.x[0]) == pytest.approx(1)
    with pytest.raises(UsageError, match="already"):
        edgeopt.linearize_products(linear)


def test_other_parts_of_a_users_model_are_kept():
    m = ConcreteModel()
    m.x = Var(range(3), domain=Binary)
    m.y = Var(domain=NonNegativeReals, bounds=(0, 10))
    m.price = Param(initialize=3.0, mutable=True)
    m.fixed = Var(domain=Binary, initialize=1)
    m.fixed.fix(1)
    m.shared = Expression(expr=m.x[0] * m.x[1])
    m.objective = Objective(expr=m.y + m.price * m.shared * m.fixed - 2 * m.x[2] * (m.x[0] + m.x[1]), sense=maximize)
    m.limit = Constraint(expr=m.y + 4 * m.x[0] * m.x[2] <= 8)
    assert solved(edgeopt.linearize_products(m)) == pytest.approx(8 + 3)
    curved = ConcreteModel()
    curved.x, curved.y = Var(range(2), domain=Binary), Var(bounds=(0, 2))
    curved.objective = Objective(expr=curved.y**2 + curved.x[0] * curved.y + curved.x[0] * curved.x[1])
    kept = edgeopt.linearize_products(curved)
    assert kept.objective.expr.polynomial_degree() == 2
    assert len(kept.linearized_products.u) == 1


def test_through_the_transformation_factory_in_place():
    m = ConcreteModel()
    m.x = Var(range(2), domain=Binary)
    m.objective = Objective(expr=-m.x[0] * (1 - m.x[1]))
    TransformationFactory("edgeopt.linearize_products").apply_to(m)
    assert solved(m) == pytest.approx(-1)


def test_long_products_do_not_recurse():
    m = ConcreteModel()
    m.x = Var(range(500), domain=Binary)
    m.objective = Objective(expr=prod(1 - m.x[i] for i in range(500)))
    assert len(edgeopt.linearize_products(m, in_place=True).linearized_products.at_least) == 1


@pytest.mark.slow
def test_nonlinear_and_linear_pulling_have_equal_optima_by_enumeration():
    feasible = 0
    for seed in range(200):
        instance = random_instance(seed, requests=2 + seed % 2, models=3)
        expected, _ = optimum(instance)
        linear = formulate_linear(instance)
        found = solved(linear)
        assert (found is None) == (expected is None), seed
        if expected is not None:
            feasible += 1
            assert found == pytest.approx(expected, abs=1e-6, rel=1e-6), seed
            report = check(instance, read_plan(linear))
            assert report.feasible, seed
            assert report.objective == pytest.approx(expected, abs=1e-6, rel=1e-6), seed
    assert feasible > 120


def test_nonlinear_formulation_says_what_the_checker_says():
    checked = 0
    for seed in range(40):
        instance = random_instance(seed, requests=3)
        expected, plan = optimum(instance)
        if plan is None:
            continue
        m = formulate(instance)
        for (request, model, site), x in m.x.items():
            x.set_value(int(plan["assignments"][request] == {"model": model, "site": site}))
        assert value(m.total_delay) == pytest.approx(expected)
        for constraint in m.component_data_objects(Constraint):
            assert constraint.slack() >= -1e-9
        checked += 1
    assert checked > 20
