import numpy as np

from nntransfer.domains.matrices import matrix_power


def test_root_and_inverse_root_are_what_their_products_say():
    a = np.random.default_rng(0).standard_normal((9, 5))
    C = a.T @ a
    root, inverse = matrix_power(C, 0.5), matrix_power(C, -0.5)
    np.testing.assert_allclose(root @ root, C, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(inverse @ C @ inverse, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(root, root.T, atol=1e-12)


def test_a_direction_without_variance_has_the_root_0():
    np.testing.assert_allclose(matrix_power([[1.0, 1.0], [1.0, 1.0]], 0.5), np.full((2, 2), 0.5**0.5), atol=1e-8)
