"""The OpenID provider: applications at which people log in through this service, and what is granted to them.

Everything here works on records and knows no HTTP. Clients, codes and device codes are records that are changed by
compare-and-set; requests on their way through the login page are sealed into the page and stored nowhere.
"""
