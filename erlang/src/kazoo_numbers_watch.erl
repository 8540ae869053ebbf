%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Watches the cluster: logs the drift that arises and goes, and repairs chosen kinds
%% of it. It is off unless `watch' is set in the application's environment.
%%
%% The native side watches, in a run of this node, which `status' lists and `cancel' ends.
%% If that run fails, another one starts after a minute: no failure reaches the
%% supervisor, because a node must not stop for want of a watch.
%%
%% When the application stops, the run is cancelled: a repair finishes its requests in
%% flight, and announces what it wrote, before the processes of the application end.
%% @end
-module(kazoo_numbers_watch).

-behaviour(gen_server).

-export([child_spec/0, start_link/0]).
-export([watch/1]).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-record(watch, {settings :: kazoo_numbers_settings:settings()
               ,run :: {pid(), reference()} | undefined
               }).

%% The pause after a run that failed, in milliseconds.
-define(PAUSE, 60000).

%% The longest wait for the end of a cancelled run, and for the end of this process, in
%% milliseconds.
-define(CANCEL, 10000).
-define(SHUTDOWN, ?CANCEL + 2000).

%% @doc For a supervisor of another application, in a node that does not start this one.
-spec child_spec() -> supervisor:child_spec().
child_spec() ->
    #{id => ?MODULE
     ,start => {?MODULE, start_link, []}
     ,restart => transient
     ,shutdown => ?SHUTDOWN
     }.

%% @doc Starts the watch; `ignore' if it is off, or if its settings are refused, which a
%% line says.
%% @end
-spec start_link() -> {ok, pid()} | ignore | {error, term()}.
start_link() ->
    try kazoo_numbers_settings:watch() of
        off -> ignore;
        {on, Settings} -> gen_server:start_link({local, ?MODULE}, ?MODULE, Settings, [])
    catch
        throw:{refused, Line} ->
            kazoo_numbers_output:say(kazoo_numbers_host:current(), [Line]),
            ignore
    end.

%% @private
-spec init(kazoo_numbers_settings:settings()) -> {ok, #watch{}, {continue, run}}.
init(Settings) ->
    _ = process_flag(trap_exit, true),
    {ok, #watch{settings = Settings}, {continue, run}}.

%% @private
-spec handle_continue(run, #watch{}) -> {noreply, #watch{}}.
handle_continue(run, Watch) ->
    {noreply, run(Watch)}.

%% The run ends with this process, because they are linked.
run(#watch{settings = Settings} = Watch) ->
    Watch#watch{run = spawn_opt(?MODULE, watch, [Settings], [link, monitor])}.

%% @private The result is the exit reason.
-spec watch(kazoo_numbers_settings:settings()) -> no_return().
watch(Settings) ->
    exit({?MODULE, kazoo_numbers_job:watch(Settings)}).

%% @private
-spec handle_call(term(), gen_server:from(), #watch{}) -> {noreply, #watch{}}.
handle_call(_Request, _From, Watch) ->
    {noreply, Watch}.

%% @private
-spec handle_cast(term(), #watch{}) -> {noreply, #watch{}}.
handle_cast(_Request, Watch) ->
    {noreply, Watch}.

%% @private
-spec handle_info(term(), #watch{}) -> {noreply, #watch{}} | {stop, normal, #watch{}}.
handle_info({'DOWN', Monitor, process, Pid, Reason}, #watch{run = {Pid, Monitor}} = Watch) ->
    ended(Reason, Watch#watch{run = undefined});
handle_info(run, Watch) ->
    {noreply, run(Watch)};
handle_info(_Message, Watch) ->
    {noreply, Watch}.

%% @private
-spec terminate(term(), #watch{}) -> ok.
terminate(_Reason, #watch{run = undefined}) -> ok;
terminate(_Reason, #watch{run = {Pid, Monitor}}) ->
    ok = kazoo_numbers_runs:cancel_all(<<"watch">>),
    receive {'DOWN', Monitor, process, Pid, _Ended} -> ok
    after ?CANCEL -> ok
    end.

%% An operator has cancelled it, or its settings are refused.
ended({?MODULE, Result}, Watch) when Result =:= ok; Result =:= {no_return, 2} ->
    {stop, normal, Watch};
ended(_Failed, Watch) ->
    _ = erlang:send_after(?PAUSE, self(), run),
    {noreply, Watch}.
