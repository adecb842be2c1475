import io

import numpy as np
import pytest

from nntransfer.domains import Domain, cka_heat_map, domains_by_class, principal_components

rng = np.random.default_rng(11)


def test_principal_components_are_those_of_the_singular_values():
    x = rng.standard_normal((30, 5)) @ np.diag([5, 1, 3, 0.1, 2]) + 7
    y, share = principal_components(x, 3)
    u, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(y), np.abs(u * s)[:, :3], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(share, (s**2 / np.sum(s**2))[:3], rtol=1e-10)
    np.testing.assert_array_equal(principal_components(x, 3)[0], y)


def test_the_sign_makes_the_largest_number_of_a_direction_positive():
    x = np.array([[0.0, 0.0], [1.0, -3.0]])
    assert principal_components(x, 1)[0][:, 0].tolist() == pytest.approx([10**0.5 / 2, -(10**0.5) / 2])


def test_both_pictures_are_drawn():
    labels = np.arange(20) % 3
    domains = {"one": Domain(rng.standard_normal((20, 4)), labels), "two": Domain(rng.standard_normal((20, 4)) + 2, labels)}
    stream = io.BytesIO()
    figure = domains_by_class(domains, stream, title="Two domains")
    assert stream.getvalue().startswith(b"\x89PNG") and len(figure.axes[0].collections) == 8
    figure = cka_heat_map([[1.0, 0.5], [-0.01, 0.25]], ["a", "b"], ["c", "d"], title="Alike")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00", ".50", ".00", ".25"]


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="^domains_by_class: the domain 'one' has no labels$"):
        domains_by_class({"one": Domain(np.eye(3))})
    with pytest.raises(ValueError, match=r"^cka_heat_map: a matrix \(2, 2\) for 2 rows and 1 columns$"):
        cka_heat_map(np.eye(2), ["a", "b"], ["c"])
    with pytest.raises(ValueError, match="^principal_components: k is 4, expected 1 to 3$"):
        principal_components(np.eye(3), 4)
    with pytest.raises(ValueError, match="^domains_by_class: 7 domains, there are colours for 6$"):
        domains_by_class({str(i): Domain(np.eye(3), np.arange(3)) for i in range(7)})
