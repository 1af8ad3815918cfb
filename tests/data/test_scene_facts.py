"""What a scene is known to have, on its way from the data to the model."""

import copy
import pickle

from s3im_methods.data.scene_facts import SceneFacts, add_facts


def test_of_an_unknown_scene_nothing_is_denied():
    for metadata in (None, {}, {"depth_filenames": []}, {"scene_facts": None}):
        facts = SceneFacts.of(metadata)
        assert facts == SceneFacts()
        assert facts.depth_available and facts.has_normals is None and facts.has_monocular_depth is None


def test_facts_are_added_to_those_that_are_there():
    metadata = {"depth_filenames": ["1.png"]}
    add_facts(metadata, depth_source="none", depth_metres_per_unit=2.0)
    add_facts(metadata, has_normals=True)
    facts = SceneFacts.of(metadata)
    assert (facts.depth_source, facts.depth_metres_per_unit, facts.has_normals) == ("none", 2.0, True)
    assert not facts.depth_available
    assert metadata["depth_filenames"] == ["1.png"]


def test_another_process_and_a_copied_data_set_know_the_same():
    metadata: dict = {}
    add_facts(metadata, depth_source="sensor", scene_kind="room")
    before = copy.deepcopy(metadata)
    add_facts(before, scene_kind="object")
    assert SceneFacts.of(pickle.loads(pickle.dumps(metadata))) == SceneFacts.of(metadata)
    assert SceneFacts.of(metadata).scene_kind == "room"
