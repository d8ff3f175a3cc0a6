"""
The HTTP API, the live stream and the dashboard, for any Flask application.

    app.register_blueprint(create_admin_blueprint(queue, authorize=my_check), url_prefix="/api/admin/queue")
"""

from .blueprint import AdminBlueprint, create_admin_blueprint
from .guard import Authorize, GuardedBlueprint, Identity

__all__ = ["AdminBlueprint", "Authorize", "GuardedBlueprint", "Identity", "create_admin_blueprint"]
