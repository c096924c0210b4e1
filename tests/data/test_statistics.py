import numpy as np

from reproduce.data.pixel_statistics import image_sums


def test_mean_image_of_two_images_is_their_midpoint_channels_first():
    images = np.zeros((2, 1, 2, 3), dtype=np.uint8)
    images[0, 0, 0] = [10, 20, 30]
    images[1, 0, 0] = [11, 20, 255]
    images[1, 0, 1] = [255, 1, 0]
    mean = image_sums(images).mean_image()
    assert mean.dtype == np.float64
    assert mean.tolist() == [[[10.5, 127.5]], [[20.0, 0.5]], [[142.5, 0.0]]]


def test_mean_image_of_more_white_images_than_uint16_could_sum():
    images = np.full((300, 2, 2, 3), 255, dtype=np.uint8)
    assert (image_sums(images).mean_image() == 255.0).all()


def test_color_covariance_worked_by_hand():
    # red 0 4 0 4 (variance 4), green 2 2 6 6 (variance 4), blue follows red at half: covariance 2, variance 1
    pixels = np.array([[0, 2, 0], [4, 2, 2], [0, 6, 0], [4, 6, 2]], dtype=np.uint8)
    covariance = image_sums(pixels.reshape(2, 2, 1, 3)).color_covariance()
    assert covariance.dtype == np.float64
    assert covariance.tolist() == [[4.0, 0.0, 2.0], [0.0, 4.0, 0.0], [2.0, 0.0, 1.0]]


def test_color_covariance_over_several_blocks_equals_numpys_and_does_not_depend_on_order():
    images = np.random.default_rng(0).integers(0, 256, (50, 300, 300, 3), dtype=np.uint8)
    covariance = image_sums(images).color_covariance()
    expected = np.cov(images.reshape(-1, 3).T.astype(np.float64), bias=True)
    np.testing.assert_allclose(covariance, expected, rtol=1e-12, atol=1e-9)
    assert image_sums(images[::-1]).color_covariance().tobytes() == covariance.tobytes()


def test_sums_of_parts_give_the_statistics_of_the_whole_to_the_last_bit():
    images = np.random.default_rng(1).integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)
    whole, parts = image_sums(images), image_sums(images[:3]) + image_sums(images[3:]) + image_sums(images[:0])
    assert parts.images == 7
    assert parts.mean_image().tobytes() == whole.mean_image().tobytes()
    assert parts.color_covariance().tobytes() == whole.color_covariance().tobytes()


def test_color_covariance_of_one_color_is_exactly_zero():
    images = np.full((3, 7, 11, 3), 251, dtype=np.uint8)
    assert not image_sums(images).color_covariance().any()
