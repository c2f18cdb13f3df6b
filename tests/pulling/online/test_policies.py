import numpy as np
import pytest

from edgeopt.pulling.generator import generate
from edgeopt.pulling.online import POLICIES, run_study
from edgeopt.pulling.online.environment import NOISE_DEVIATION, SIZE, TASK, Environment
from edgeopt.pulling.online.figure import plot_regret
from edgeopt.pulling.online.policies import LinearConfidence, Means, RestrictedContext
from edgeopt.pulling.online.study import half_width


@pytest.fixture(scope="module")
def instance():
    return generate(sharing="backbone", models=8, cloudlets=2, requests=8, memory_fraction=0.6, cloud_to_edge=1.5)


@pytest.fixture(scope="module")
def environment(instance):
    return Environment.from_instance(instance, None, arrivals=6, slots=2, distractors=2, seed=3)


def served(environment, policy, rounds, seed=0):
    """Let a policy meet random pairs."""
    generator = np.random.default_rng(seed)
    rows = np.arange(environment.arrivals)
    for _ in range(rounds):
        arrivals = environment.draw(generator)
        policy.ratios(arrivals)
        pairs = generator.integers(0, len(environment.pair_site), environment.arrivals)
        policy.learn(arrivals, pairs, environment.true_ratio(arrivals)[rows, pairs] * arrivals.noise)
    return policy


def test_means_are_the_means_of_what_was_seen(environment):
    generator, means, seen = np.random.default_rng(0), Means(environment.levels, (TASK, 2), 5), {}
    for _ in range(30):
        arrivals = environment.draw(generator)
        columns, values = generator.integers(0, 5, 6), generator.random(6)
        means.add(arrivals, columns, values)
        for features, column, value in zip(arrivals.features, columns, values, strict=True):
            seen.setdefault((features[TASK], features[2], column), []).append(value)
    arrivals = environment.draw(generator)
    found = means.mean(means.rows(arrivals))
    for row, features in zip(found, arrivals.features, strict=True):
        for column in range(5):
            values = seen.get((features[TASK], features[2], column), [])
            assert row[column] == pytest.approx((1 + sum(values)) / (1 + len(values)))
    deviations = [np.var(values, ddof=1) * (len(values) - 1) for values in seen.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in seen.values())
    assert means.scatter() == (pytest.approx(sum(deviations) / freedom), freedom)


def test_lower_bounds_are_below_the_truth_almost_always():
    generator = np.random.default_rng(5)
    count, rounds, trials = 12, 40, 4000
    ratio = generator.uniform(0.3, 3.0, trials)
    mean = (ratio[:, None] * 2 * generator.beta(2, 2, (trials, count))).mean(axis=1)
    lower = mean / (1 + NOISE_DEVIATION * np.sqrt(6 * np.log(rounds) / count))
    assert (lower > ratio).mean() <= rounds**-3.0 + 1e-3
    assert (lower > 0.2 * ratio).mean() > 0.99


def test_restricted_context_finds_what_matters(environment):
    policy = served(environment, RestrictedContext(environment, np.random.default_rng(0)), 1500)
    assert policy.means[policy.chosen].features == [TASK, SIZE]


def test_restricted_context_looks_at_as_many_features_as_it_may(environment):
    for look in (1, 2, 3):
        policy = RestrictedContext(environment, np.random.default_rng(0), look=look)
        assert {len(means.features) for means in policy.means} == {0, look}


def test_linear_confidence_is_ridge_regression(environment):
    policy, generator = LinearConfidence(environment, np.random.default_rng(0)), np.random.default_rng(1)
    tasks, sizes = environment.levels[:2]
    rows: dict[int, list] = {}
    for _ in range(60):
        arrivals = environment.draw(generator)
        pairs, seen = generator.integers(0, 3, 6), generator.random(6)
        policy.learn(arrivals, pairs, seen)
        for features, pair, value in zip(arrivals.features, pairs, seen, strict=True):
            vector = np.zeros(tasks + sizes)
            vector[[features[TASK], tasks + features[SIZE]]] = 1
            rows.setdefault(pair, []).append((vector, value))
    arrivals = environment.draw(generator)
    found = policy.ratios(arrivals)
    for pair, observed in rows.items():
        design = np.array([vector for vector, _ in observed])
        gram = design.T @ design + np.eye(tasks + sizes)
        weights = np.linalg.solve(gram, design.T @ [value for _, value in observed])
        for row, features in zip(found, arrivals.features, strict=True):
            vector = np.zeros(tasks + sizes)
            vector[[features[TASK], tasks + features[SIZE]]] = 1
            expected = vector @ weights - np.sqrt(vector @ np.linalg.solve(gram, vector))
            assert row[pair] == pytest.approx(max(expected, 0), abs=1e-9)


def test_a_study_repeats_and_no_policy_beats_the_best_assignment(instance):
    first, second = (run_study(instance, rounds=60, seeds=2, slots=1) for _ in range(2))
    assert np.array_equal(first.regret, second.regret)
    assert list(first.policies) == list(POLICIES)
    steps = np.diff(first.regret, axis=2, prepend=0)
    assert steps.min() >= -1e-9
    assert (first.delay_s >= first.best_delay_s - 1e-12).all()
    alone = run_study(instance, ["thompson"], rounds=60, seeds=2, slots=1)
    assert np.array_equal(alone.regret[0], first.regret[first.policies.index("thompson")])


@pytest.mark.slow
def test_learning_pays(instance):
    study = run_study(
        instance, ["ucb", "thompson", "restricted-context", "random", "model-blind"], rounds=1500, seeds=2
    )
    summary = study.summary()
    learned = summary.loc[["ucb", "thompson", "restricted-context"]]
    assert (learned.largest_exponent < 0.8).all()
    assert summary.loc["random", "exponent"] == pytest.approx(1, abs=0.1)
    assert (2 * learned.regret_s < summary.loc["random", "regret_s"]).all()


def test_an_own_policy_joins(instance):
    class Nominal:
        def __init__(self, environment, generator):
            self.pairs = len(environment.pair_site)

        def ratios(self, arrivals):
            return np.ones((len(arrivals.kind), self.pairs))

        def learn(self, arrivals, pair, seen):
            assert seen.shape == pair.shape == arrivals.kind.shape

    study = run_study(instance, {"nominal": Nominal}, rounds=20, seeds=1)
    assert study.policies == ["nominal"]
    frame = study.to_frame()
    assert frame.columns.tolist() == ["policy", "seed", "round", "regret_s"]
    assert frame.regret_s.iloc[-1] == study.regret[0, 0, -1]


def test_half_widths_are_those_of_student():
    values = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]])
    assert half_width(values) == pytest.approx([4.302653 * 2 / 3**0.5, 0], rel=1e-6)
    assert np.isnan(half_width(values[:1])).all()


def test_an_interrupted_study_keeps_its_complete_seeds(instance):
    def stop(seed, done):
        if seed == 1 and done >= 20:
            raise KeyboardInterrupt

    study = run_study(instance, ["greedy"], rounds=40, seeds=3, on_round=stop)
    assert study.seeds == [0]
    with pytest.raises(KeyboardInterrupt):
        run_study(instance, ["greedy"], rounds=40, seeds=1, on_round=lambda seed, done: stop(1, done))


def test_the_figure_names_each_policy(instance):
    study = run_study(instance, ["ucb", "greedy"], rounds=30, seeds=2)
    texts = [text.get_text() for text in plot_regret(study).axes[0].get_legend().get_texts()]
    ends = {name: regret[:, -1].mean() for name, regret in zip(study.policies, study.regret, strict=True)}
    assert [text.split(",")[0] for text in texts] == sorted(ends, key=lambda name: ends[name])
