"""The routes of the OpenID provider: what applications ask for, and the pages that people see on the way."""

from fanfold_auth.routes.openid import authorize, clients, discovery, files, login, token, userinfo

ROUTERS = tuple(module.router for module in (discovery, authorize, login, token, userinfo, clients, files))
