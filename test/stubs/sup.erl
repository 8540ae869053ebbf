%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A stub of the part of `sup' that runs in a Kazoo node.
-module(sup).

-export([in_kazoo/4]).

in_kazoo(Name, Module, Function, Arguments) ->
    _ = put(callid, Name),
    _ = put(is_sup_call, true),
    apply(Module, Function, Arguments).
