%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A stub of the module of this name that comes with Kazoo.
-module(kazoo_numbers_maintenance).

-export([all_features/0, init_dbs/0]).

all_features() -> stock.

init_dbs() -> ok.
