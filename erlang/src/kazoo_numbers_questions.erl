%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The questions of a run to its host. A few processes answer them at the same
%% time, so that a slow broker or server does not block the run.
%% @end
-module(kazoo_numbers_questions).

-export([new/1, ask/3, answered/3]).
-export([answer/4]).

-export_type([questions/0]).

%% The most questions that are answered at the same time. Each may hold a worker of Kazoo's
%% AMQP pool, which has ten on a small node.
-define(MOST, 4).

%% `asked' has the questions by the monitors of the processes that answer them.
-record(questions, {host :: module()
                   ,asked = #{} :: #{reference() => question()}
                   ,waiting = queue:new() :: queue:queue(question())
                   ,notices = delivered :: kazoo_numbers_host:notices()
                   }).

-type question() :: {Number :: non_neg_integer(), kazoo_numbers_host:request()}.
-opaque questions() :: #questions{}.

-spec new(Host :: module()) -> questions().
new(Host) -> #questions{host = Host}.

%% @doc Asks the host, at once or when an earlier question is answered. The answer comes
%% to the calling process in a `DOWN' message, see {@link answered/3}.
%% @end
-spec ask(Number :: non_neg_integer(), kazoo_numbers_host:request(), questions()) -> questions().
ask(Number, Request, #questions{waiting = Waiting} = Questions) ->
    start(Questions#questions{waiting = queue:in({Number, Request}, Waiting)}).

start(#questions{asked = Asked, waiting = Waiting, host = Host, notices = Notices} = Questions) when map_size(Asked) < ?MOST ->
    case queue:out(Waiting) of
        {empty, _Empty} -> Questions;
        {{value, {_Number, Request} = Question}, Rest} ->
            {_Pid, Monitor} = spawn_monitor(?MODULE, answer, [Host, Request, Notices, get()]),
            start(Questions#questions{asked = Asked#{Monitor => Question}, waiting = Rest})
    end;
start(Questions) -> Questions.

%% @private The answer is the exit reason. The process dictionary is the run's: Kazoo keeps
%% there who calls, and whether changes are announced.
-spec answer(Host :: module(), kazoo_numbers_host:request(), kazoo_numbers_host:notices(), Dictionary :: [{term(), term()}]) ->
          no_return().
answer(Host, Request, Notices, Dictionary) ->
    _ = [put(Key, Value) || {Key, Value} <- Dictionary],
    Answer = try Host:answer(Request, Notices)
             catch
                 Class:Reason:Stack -> failed(Request, kazoo_numbers_reason:crash(Class, Reason, Stack))
             end,
    exit({?MODULE, Answer}).

%% @doc The number and the answer of the question that a `DOWN' message belongs to;
%% `unknown' if it belongs to none.
%% @end
-spec answered(Monitor :: reference(), Reason :: term(), questions()) ->
          {Number :: non_neg_integer(), kazoo_numbers_host:answer(), questions()} | unknown.
answered(Monitor, Reason, #questions{asked = Asked} = Questions) ->
    case maps:take(Monitor, Asked) of
        {{Number, Request}, Left} ->
            Answer = case Reason of
                         {?MODULE, Known} -> Known;
                         _Killed -> failed(Request, kazoo_numbers_reason:kind(Reason))
                     end,
            {Number, Answer, start(noted(Request, Answer, Questions#questions{asked = Left}))};
        error -> unknown
    end.

noted({changed, _Db, _Rows}, ok, Questions) -> Questions#questions{notices = delivered};
noted({changed, _Db, _Rows}, _Failed, Questions) -> Questions#questions{notices = failing};
noted(_Request, _Answer, Questions) -> Questions.

failed(Request, Kind) ->
    {error, <<(kazoo_numbers_reason:kind(Request))/binary, " failed in Kazoo: ", Kind/binary>>}.
