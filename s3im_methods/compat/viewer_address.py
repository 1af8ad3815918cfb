"""The viewer says where it is, and a place where it cannot be is refused.

Where the wanted port is taken viser takes the next one, and nerfstudio prints the wanted one, which is the address of
another viewer. A port beyond 65535 lets ns-train wait for ever, and with a host that is none of this machine's the
viewer is nowhere.
"""

import functools
import socket
from typing import Any

from s3im_methods.console import warn
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_LAST_PORT = 65535


def say_where_the_viewer_is(module: Any) -> None:
    """Repair the viewer of all commands.

    Args:
        module: ``nerfstudio.viewer.viewer``.
    """
    begin = module.Viewer.__init__

    @functools.wraps(begin)
    def begin_where_it_can_be(self: Any, config: Any, *args: Any, **settings: Any) -> None:
        check_address(config)
        begin(self, config, *args, **settings)
        wanted, port = config.websocket_port, self.viser_server.get_port()
        if wanted is not None and port != wanted:
            warn(f"--viewer.websocket-port {wanted} is taken: the viewer is at port {port}.")
            self.viewer_info = [line.replace(f":{wanted}", f":{port}") for line in self.viewer_info]

    module.Viewer.__init__ = begin_where_it_can_be


def check_address(config: Any) -> None:
    """Refuse ports that do not exist and hosts at which this machine cannot listen.

    Args:
        config: The viewer's.

    Raises:
        InputError: If the viewer cannot be where it should.
    """
    for name in ("websocket_port", "websocket_port_default"):
        port = getattr(config, name)
        if port is not None and not 1 <= port <= _LAST_PORT:
            raise InputError(
                f"--viewer.{name.replace('_', '-')} is {port}: give 1 to {_LAST_PORT}, or leave it out for a free one."
            )
    host = config.websocket_host
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.bind(address)
    except OSError as error:
        raise InputError(
            f"--viewer.websocket-host is {quote(host)}, where this machine cannot listen ({error.strerror}): give "
            "0.0.0.0 for all its addresses, or 127.0.0.1 for this machine alone."
        ) from error
