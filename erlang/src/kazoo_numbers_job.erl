%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc One call of a command, from its arguments to its result.
-module(kazoo_numbers_job).

-export([run/2, run_with/3, dry_run/2, watch/1]).

%% @doc Runs the command of that name.
-spec run(Function :: atom(), Arguments :: [term()]) -> term().
run(Function, Arguments) ->
    run_with(Function, Arguments, #{}).

%% @doc Runs the command of that name with these settings.
-spec run_with(Function :: atom(), Arguments :: [term()], kazoo_numbers_settings:settings()) -> term().
run_with(Function, Arguments, Settings) ->
    kazoo_numbers_output:guarded(fun() -> start(atom_to_binary(Function, utf8), Arguments, Settings) end).

%% @doc Prints what the command of that name would do, and writes nothing.
-spec dry_run(Function :: term(), Arguments :: [term()]) -> term().
dry_run(Function, Arguments) ->
    kazoo_numbers_output:guarded(fun() -> start_dry_run(kazoo_numbers_arguments:text(Function), Function, Arguments) end).

%% @doc Watches the cluster with these settings until it is cancelled.
-spec watch(Watch :: kazoo_numbers_settings:settings()) -> ok | {no_return, 1..2}.
watch(Watch) ->
    kazoo_numbers_output:guarded(fun() -> run_native(<<"watch">>, [], #{watch => Watch}) end).

start_dry_run({ok, Name}, _Function, Arguments) ->
    start(Name, Arguments, #{dry_run => true});
start_dry_run(error, Function, _Arguments) ->
    refused(<<"dry_run">>
           ,<<"dry_run: argument 1 is ", (kazoo_numbers_reason:type(Function))/binary
             ,"; expected the name of a function, for example fix_account_db_numbers">>).

start(Function, Arguments, Settings) ->
    case kazoo_numbers_kazoo_commands:is_command(Function, length(Arguments)) of
        true -> start_in_kazoo(Function, Arguments, Settings);
        false -> start_native(Function, Arguments, Settings)
    end.

start_in_kazoo(Function, _Arguments, #{dry_run := true}) ->
    refused(Function, <<"error: cannot dry-run ", Function/binary, ": Kazoo runs it, and has no dry run for it">>);
start_in_kazoo(Function, Arguments, _Settings) ->
    Host = kazoo_numbers_host:current(),
    Host:command(Function, Arguments).

start_native(Function, Arguments, Settings) ->
    case kazoo_numbers_arguments:normalise(Function, Arguments) of
        {ok, Normalised} -> run_native(Function, Normalised, Settings);
        {error, Line} -> refused(Function, Line)
    end.

run_native(Function, Arguments, Settings) ->
    kazoo_numbers_companion:run(#{host => kazoo_numbers_host:current()
                                 ,function => Function
                                 ,arguments => Arguments
                                 ,settings => Settings
                                 }).

refused(Function, Line) ->
    kazoo_numbers_output:say(kazoo_numbers_host:current(), [Line]),
    case Function of
        %% This command alone returns its error instead of a status.
        <<"copy_single_number_to_account_db">> -> {error, Line};
        _Other -> {no_return, 2}
    end.
