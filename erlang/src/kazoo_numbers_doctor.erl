%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc `doctor': whether the library and Kazoo can be used in this node, then the checks
%% of the library.
%% @end
-module(kazoo_numbers_doctor).

-export([doctor/0]).

-type state() :: good | warning | failed | skipped.
-type check() :: {Name :: string(), state(), Finding :: unicode:chardata(), Remedy :: none | unicode:chardata()}.

%% @doc Prints a line for each check, with what to do.
-spec doctor() -> term().
doctor() ->
    Checks = [library(kazoo_numbers_transport:current()) | kazoo(kazoo_numbers_host:current())],
    _ = kazoo_numbers_terminal:print(lists:flatmap(fun lines/1, Checks)),
    case [State || {_Name, State, _Finding, _Remedy} <- Checks, State =:= warning orelse State =:= failed] of
        [] -> kazoo_numbers_job:run(doctor, []);
        [failed | _] -> {no_return, 2};
        [warning | _] ->
            _ = kazoo_numbers_job:run(doctor, []),
            {no_return, 2}
    end.

-spec library(module()) -> check().
library(kazoo_numbers_transport_port) ->
    Program = kazoo_numbers_transport_port:program(),
    case file:read_file_info(Program) of
        {ok, _Info} -> {"library", good, ["an external program: ", Program, ", OTP ", otp()], none};
        {error, Reason} ->
            {"library", failed, [Program, ": ", file:format_error(Reason)], "install it again: kazoo-embed install"}
    end;
library(_Nif) ->
    try kazoo_numbers_native:info() of
        #{version := Version} ->
            {"library", good, ["version ", Version, ", in the VM, OTP ", otp(), ", NIF ", nif()], none}
    catch
        error:{not_loaded, Line} ->
            {"library", failed, Line
            ,"install the library for the C library of this system (kazoo-embed install), or set {transport, port}"
            }
    end.

otp() -> erlang:system_info(otp_release).

nif() -> erlang:system_info(nif_version).

-spec kazoo(module()) -> [check()].
kazoo(Host) ->
    case kazoo_numbers_host:kind(Host) of
        standalone -> [{"kazoo", skipped, "not in this node: no notices of changes are sent, and services are not reconciled", none}];
        kazoo -> [broker(kazoo_numbers_host_kazoo:has_broker()), functions(kazoo_numbers_host_kazoo:missing_functions())]
    end.

%% Without a broker the caches of other nodes keep old documents.
broker(true) -> {"kazoo", good, "in this node, connected to its broker", none};
broker(false) ->
    {"kazoo", warning, "in this node, without a broker: no notices reach the caches of other nodes"
    ,"check amqp in config.ini, and the broker; flush the caches after a command that writes"
    };
broker(unknown) -> {"kazoo", good, "in this node", none}.

functions([]) -> {"functions", good, "this Kazoo has the functions for notices, caches and services", none};
functions(Missing) ->
    Names = lists:join(" ", [io_lib:format("~ts:~ts/~b", [Module, Name, Arity]) || {Module, Name, Arity} <- Missing]),
    {"functions", warning, ["this Kazoo lacks ", Names]
    ,"is all of Kazoo's core in this release? Until then flush the caches and reconcile the services by hand"
    }.

-spec lines(check()) -> [unicode:chardata()].
lines({Name, State, Finding, Remedy}) ->
    [io_lib:format("~-8s ~-12s ~ts", [State, Name, Finding])
     | [io_lib:format("~22cto do: ~ts", [$\s, Remedy]) || Remedy =/= none]
    ].
