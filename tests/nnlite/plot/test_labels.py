import numpy as np

from nnlite.plot.labels import label_centres


def test_a_label_stands_over_its_point_where_there_is_room():
    centres = label_centres([(100, 100), (500, 100)], [(60, 20), (60, 20)], (0, 0, 1000, 1000), mark=10)
    np.testing.assert_allclose(centres, [(100, 125), (500, 125)])  # half a label and 1½ marks above


def test_a_label_avoids_the_frame_the_points_and_earlier_labels():
    size, frame = (60, 20), (0, 0, 1000, 110)
    (only,) = label_centres([(100, 100)], [size], frame)
    assert only[1] + 10 <= 110
    first, second = label_centres([(100, 50), (100, 50)], [size, size], frame)
    assert abs(first[0] - second[0]) >= 60 or abs(first[1] - second[1]) >= 20
