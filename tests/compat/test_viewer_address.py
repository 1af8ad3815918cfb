"""The viewer's printed address is its own, and one that cannot be is refused."""

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import viser
from nerfstudio.configs.base_config import ViewerConfig
from nerfstudio.viewer import viewer

from s3im_methods.compat.viewer_address import check_address, say_where_the_viewer_is
from s3im_methods.errors import InputError


@pytest.fixture
def upstream() -> Any:
    """A second copy of nerfstudio's module, as upstream wrote it."""
    spec = importlib.util.spec_from_file_location("viewer_copy", viewer.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", 0))
        other.listen()
        yield other.getsockname()[1]


def lines(module: Any, folder: Path, port: int) -> tuple[list[str], int]:
    """What a viewer says of its place, and the port that it has."""
    found: list[Any] = []

    class Begun(Exception):
        pass

    class Server(viser.ViserServer):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            found.append(self)

    module.viser = SimpleNamespace(**{**vars(viser), "ViserServer": Server})
    made = object.__new__(module.Viewer)
    # What comes after the server needs a trained pipeline.
    module.viser.theme = SimpleNamespace(TitlebarButton=lambda **_: (_ for _ in ()).throw(Begun))
    pipeline: Any = SimpleNamespace(datamanager=SimpleNamespace(includes_time=False))
    try:
        module.Viewer.__init__(made, ViewerConfig(websocket_port=port), folder / "log", folder, pipeline)
    except Begun:
        pass
    finally:
        for server in found:
            server.stop()
    return made.viewer_info, found[0].get_port()


def test_upstream_still_prints_the_port_of_another_viewer(upstream, tmp_path, taken):
    """When this fails, nerfstudio prints where its viewer is: remove ``compat.viewer_address``."""
    said, port = lines(upstream, tmp_path, taken)
    assert port != taken and said == [f"Viewer running locally at: http://localhost:{taken} (listening on 0.0.0.0)"]


def test_the_viewers_own_port_is_printed(upstream, capsys):
    class Viewer:
        def __init__(self, config: Any, at: int) -> None:
            self.viser_server = SimpleNamespace(get_port=lambda: at)
            self.viewer_info = [f"Viewer running locally at: http://localhost:{config.websocket_port} (listening)"]

    module = SimpleNamespace(Viewer=Viewer)
    say_where_the_viewer_is(module)
    config = ViewerConfig(websocket_port=7007)
    assert module.Viewer(config, 7009).viewer_info == ["Viewer running locally at: http://localhost:7009 (listening)"]
    assert "--viewer.websocket-port 7007 is taken: the viewer is at port 7009." in capsys.readouterr().out
    assert module.Viewer(config, 7007).viewer_info == ["Viewer running locally at: http://localhost:7007 (listening)"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("port", [0, -1, 65536, 70000])
@pytest.mark.parametrize("name", ["websocket_port", "websocket_port_default"])
def test_a_port_that_does_not_exist(name, port):
    with pytest.raises(InputError, match=f"is {port}: give 1 to 65535, or leave it out"):
        check_address(ViewerConfig(**{name: port}))


def test_a_viewer_does_not_begin_where_it_cannot_be():
    class Viewer:
        def __init__(self, config: Any) -> None:
            raise AssertionError

    module = SimpleNamespace(Viewer=Viewer)
    say_where_the_viewer_is(module)
    with pytest.raises(InputError, match="is 70000"):
        module.Viewer(ViewerConfig(websocket_port=70000))


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host", "300.1.1.1"])
def test_a_host_that_is_not_this_machine(host):
    with pytest.raises(InputError, match=f"--viewer.websocket-host is '{host}', where this machine cannot listen"):
        check_address(ViewerConfig(websocket_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost"])
def test_a_host_that_is(host):
    check_address(ViewerConfig(websocket_host=host))
