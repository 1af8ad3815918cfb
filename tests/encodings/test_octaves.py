"""The original's octaves, and how nerfstudio's differ."""

import torch
from nerfstudio.field_components.encodings import NeRFEncoding

from s3im_methods.encodings.octaves import OctaveEncoding


def test_octaves_one_and_two_without_two_pi():
    x = torch.rand(5, 1)
    encoded = OctaveEncoding(1, 2)(x)
    torch.testing.assert_close(encoded, torch.cat([x.sin(), (2 * x).sin(), x.cos(), (2 * x).cos()], dim=-1))
    assert OctaveEncoding(27, 2).get_out_dim() == 108


def test_nerfstudios_are_one_and_four_times_two_pi():
    """When this fails, nerfstudio's tensorf may have the original's octaves: look at ``encoding_octaves`` again."""
    x = torch.rand(5, 1)
    encoded = NeRFEncoding(1, num_frequencies=2, min_freq_exp=0, max_freq_exp=2)(x)
    angle = 2 * torch.pi * x
    torch.testing.assert_close(
        encoded[:, :2], torch.cat([angle.sin(), (4 * angle).sin()], dim=-1), rtol=1e-4, atol=1e-5
    )
