%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A stub of Kazoo's numbers application. Its start calls the module, and a crash
%% there stops the node.
-module(kazoo_numbers_app).

-behaviour(application).

-export([start/2, stop/1]).

start(_Type, _Arguments) ->
    _ = kazoo_numbers_maintenance:init_dbs(),
    kazoo_numbers_sup:start_link().

stop(_State) -> ok.
