import numpy as np

from nncompress.search.curvature import RankOneCurvature


def test_squares_that_are_products_of_rows_and_columns_are_found_exactly():
    rows, columns = np.array([1.0, 2.0, 4.0]), np.array([[0.5, 3.0], [1.0, 0.1]])
    curvature = RankOneCurvature(beta=0.5, every=1)
    for _ in range(40):  # the average has forgotten its first zeros
        curvature({"w": np.sqrt(rows[:, None, None] * columns), "b": np.sqrt(rows)})
    np.testing.assert_allclose(curvature.of("w", (3, 2, 2)), rows[:, None, None] * columns, rtol=1e-9)
    np.testing.assert_allclose(curvature.of("b", (3,)), rows, rtol=1e-9)


def test_only_every_fourth_gradient_counts_and_old_ones_fade():
    curvature = RankOneCurvature(beta=0.9, every=4)
    for step in range(1, 9):
        curvature({"w": np.full((2, 2), float(step))})
    np.testing.assert_allclose(curvature.of("w", (2, 2)), 0.9 * 0.1 * 16 + 0.1 * 64)
    assert curvature.of("unseen", (3,)).tolist() == [0, 0, 0]


def test_a_saved_estimate_goes_on_where_it_was():
    rng, one = np.random.default_rng(0), RankOneCurvature(every=2)
    gradients = [{"w": rng.standard_normal((3, 4)), "b": rng.standard_normal(3)} for _ in range(8)]
    for g in gradients[:5]:
        one(g)
    other = RankOneCurvature(every=2)
    other.load_state_dict(one.state_dict())
    for g in gradients[5:]:
        one(g)
        other(g)
    np.testing.assert_array_equal(one.of("w", (3, 4)), other.of("w", (3, 4)))


def test_it_shrinks_along_with_the_weight():
    curvature = RankOneCurvature(every=1)
    curvature({"w": np.arange(12.0).reshape(3, 4)})
    whole = curvature.of("w", (3, 4))
    curvature.cut(lambda name, a, axes: np.take(a, [0, 2], 0) if 0 in axes else np.take(a, [1, 3], 1))
    part = curvature.of("w", (2, 2))
    np.testing.assert_allclose(part / part.sum(), whole[[0, 2]][:, [1, 3]] / whole[[0, 2]][:, [1, 3]].sum())
