"""The routes of the OpenID provider: what applications ask for, and the pages that people see on the way."""

from fanfold_auth.routes.openid import authorize, clients, device, discovery, files, login, logout, token, userinfo

_MODULES = (discovery, authorize, login, logout, token, device, userinfo, clients, files)
ROUTERS = (*(module.router for module in _MODULES), device.pages)
